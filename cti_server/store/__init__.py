"""What must not be lost: the outbox (local journal) and the database behind it.

The domain's records go to the outbox, the drain carries them into the database, repositories read them.
"""
