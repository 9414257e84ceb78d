"""The test harness itself, on signals made up for the purpose."""
