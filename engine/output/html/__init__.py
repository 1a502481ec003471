"""A performance as one HTML file: score or piano roll, curves and sound, to be opened in any browser without a network."""
