"""The pure core: agents, stations, contacts, legs and queues, and the rules that move them.

It imports only itself; time and ids come in with each signal, so any run can be replayed.
"""
