"""The demo's day: what its people do, through the services and the API that people use."""
