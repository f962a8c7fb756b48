"""What people decide: screens of claimed images, decisions and their undoing, users and their ways in."""
