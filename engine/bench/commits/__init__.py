"""What a commit changes in speed: two checkouts, measured in turn in one run."""
