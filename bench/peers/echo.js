// The echo server of Node: data is written back, and reading pauses while it is not taken.
"use strict";
const net = require("net");

net
  .createServer((socket) => {
    socket.on("data", (bytes) => {
      if (!socket.write(bytes)) {
        socket.pause();
        socket.once("drain", () => socket.resume());
      }
    });
    socket.on("error", () => socket.destroy());
  })
  .listen(Number(process.env.PORT || 8081), process.env.HOST || "127.0.0.1");
