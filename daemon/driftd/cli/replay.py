def register(app):
    """x"""
