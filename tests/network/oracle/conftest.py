"""The script that asks PyTorch has no tests and cannot be imported without PyTorch."""

collect_ignore = ["make.py"]
