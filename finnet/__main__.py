"""Lets `python -m finnet` do what `finnet` does."""

from finnet.cli import main

if __name__ == "__main__":
    main()
