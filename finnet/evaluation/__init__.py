"""Evaluation: out-of-sample forecasts scored, tested against each other and checked for calibration."""
