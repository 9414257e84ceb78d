"""How Asterisk does each effect of the domain (docs/asterisk.md). Pure; the table is in `call_control.py`."""
