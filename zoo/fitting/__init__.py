"""From the call of fit to a record: options, examples, plan, session; and what is known of a model between fits."""
