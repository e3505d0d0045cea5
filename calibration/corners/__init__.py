"""From pictures to chessboard corners."""
