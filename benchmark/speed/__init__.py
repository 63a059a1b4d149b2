"""How fast we are, beside what others use, on the same inputs in the same process."""
