"""Reports: tables, plots and one HTML page from results that others computed."""
