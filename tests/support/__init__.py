"""What the scenario tests share: processes, configurations, the independent client, and what a drop copy adds up to."""
