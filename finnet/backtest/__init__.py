"""Backtest: what trading on forecasts would have brought, one bar late and after costs."""
