"""Small inputs from outside the project, each with a note on what is right, run and judged."""
