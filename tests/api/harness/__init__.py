"""What the suite stands on: a PostgreSQL and a server of its own, a checking client, a recorder of replies."""
