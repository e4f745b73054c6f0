"""Sources become one clean, checked table: a Panel of prices or a LoanBook."""
