"""Statistical reports on a finished run: what its numbers hide, and with how few samples they could have been had."""
