"""The lab's machinery: what scenarios are told with.

network    hosts, wires, routers, and what is recorded where
wire       a wire in user space: delay, loss, and devices that meddle
witness    what the kernel says of each RST that it sent
software   how a product is installed, started, asked for its version, and stopped
actors     clients and servers of ours, whose every step is told
judging    rules for connections that software opened
s3         requests of S3 by hand
truth      joins packets with what was told and what the kernel saw
rules      of nftables
oracle     which causes go with which of the kernel's reasons
scoring    what tcpwhy says, held against the truth
"""
