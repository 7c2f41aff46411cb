"""The leaderboard: submissions that anyone can check, and the board that is built of them."""
