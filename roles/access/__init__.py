"""Who may open what: the policy that every view states."""
