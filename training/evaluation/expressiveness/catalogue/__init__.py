"""What the performances of catalogues are like: figures over the accounts that ``perf-render --manifest`` keeps."""
