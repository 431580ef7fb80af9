"""The edge of a web process: it reads requests in an event loop and hands only whole ones to Django's few threads.

A client that sends or reads slowly costs a connection here, never a thread. Health has threads of its own. ADR 0018.
"""
