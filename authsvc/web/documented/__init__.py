"""What the OpenAPI document and its page say of each endpoint beyond what the routes know. Data only: answers nothing."""
