"""One file per report. A file that lies here is in the catalogue: it exports `MEMBERS`."""
