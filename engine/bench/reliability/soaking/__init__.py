"""The scenes that are played for hours, and the picture of what came of them."""
