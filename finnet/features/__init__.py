"""Features: numbers known at the close of a bar, each with its look-back declared."""
