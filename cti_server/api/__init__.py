"""The edge for agent programs: HTTP and the agent socket on one port, made from one set of models.

It knows the centre only by `cti_server.engine.port`; what else it needs stands in `ports`.
"""
