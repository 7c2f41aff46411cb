"""A suite played with a policy: plan, run, audit, and looks at both."""
