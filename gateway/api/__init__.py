"""What the gateway answers, for programs (`/openapi.json`) and for people (`/docs`)."""
