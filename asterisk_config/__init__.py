"""A real Asterisk: brought to this machine, configured node by node from templates, run.

Here live the dialplan, the prompts and the script that serves callers while no CTI server does.
"""
