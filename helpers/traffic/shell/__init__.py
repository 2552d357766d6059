"""The shell that scripts are written in: from text to tokens, tree and flat instructions."""
