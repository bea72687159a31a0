"""Helpers of the scenario tests: processes, configurations, the independent client, and what a drop copy adds up to."""
