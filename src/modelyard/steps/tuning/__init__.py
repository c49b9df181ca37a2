"""A study: trials of a training with other parameters, kept in a file so that a kill loses none."""
