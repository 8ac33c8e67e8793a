<!DOCTYPE html><html>404</html>
