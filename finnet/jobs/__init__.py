"""Jobs: the only place where data, features, models, evaluation and reports meet."""
