"""What a run leaves to be read afterwards: evidence as it appears, its redaction, and the cause it tells."""
