"""Lending: what deciding on loans by forecasts of default would have brought."""
