import pytest
from library import connect


@pytest.fixture
def api():
    """A connection to a store without customers."""
    api = connect()
    api.Customers.delete_all()
    return api
