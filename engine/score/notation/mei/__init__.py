"""MEI, written so that all readers take it in the same way."""
