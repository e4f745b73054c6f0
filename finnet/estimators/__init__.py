"""Estimators in scikit-learn's shape: network, baselines, naive forecasts, calibration."""
