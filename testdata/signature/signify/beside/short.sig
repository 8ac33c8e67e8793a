untrusted comment: verify with key.pub
RWT5m1GvfAABbFvQLMBjx