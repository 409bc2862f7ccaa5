"""What the OpenAPI document says of each endpoint beyond what the routes know. Data only: it answers nothing."""
