"""Predictions of several classifiers in, combined predictions and honest scores out."""
