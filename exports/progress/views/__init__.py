"""Progress details of a run, and deciding about a held one."""
