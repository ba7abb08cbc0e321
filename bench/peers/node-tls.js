// TLS and HTTP/2 on node's own http2 module, one process.
"use strict";
const fs = require("fs");
const http2 = require("http2");

function send(response, type, body) {
  response.writeHead(200, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

const large = fs.readFileSync(process.env.FILES + "/large");

const options = {
  allowHTTP1: true,
  minVersion: "TLSv1.3",
  cert: fs.readFileSync(process.env.CERTIFICATE),
  key: fs.readFileSync(process.env.KEY),
  settings: { maxConcurrentStreams: 100 },
};

const server = http2.createSecureServer(options, (request, response) => {
  const url = request.url;
  if (url === "/plaintext") return send(response, "text/plain", "Hello, World!");
  if (url === "/json") {
    const body = JSON.stringify({ message: "Hello, World!" });
    return send(response, "application/json", body);
  }
  if (url === "/large") return send(response, "text/plain", large);
  response.writeHead(404);
  response.end();
});

server.keepAliveTimeout = 300000;
server.listen(Number(process.env.PORT), "127.0.0.1", 4096);
