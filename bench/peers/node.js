// The same routes on node's own http module, one process.
"use strict";
const http = require("http");

function send(response, type, body) {
  response.writeHead(200, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

function echo(request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const value = JSON.parse(Buffer.concat(chunks).toString());
    send(response, "application/json", JSON.stringify(value));
  });
}

const user = /^\/users\/([0-9]+)$/;

const server = http.createServer((request, response) => {
  const url = request.url;
  if (url === "/plaintext") return send(response, "text/plain", "Hello, World!");
  if (url === "/json") {
    const body = JSON.stringify({ message: "Hello, World!" });
    return send(response, "application/json", body);
  }
  if (url === "/echo" && request.method === "POST") return echo(request, response);
  const match = user.exec(url);
  if (match) return send(response, "text/plain", "user " + Number(match[1]));
  response.writeHead(404);
  response.end();
});

server.keepAliveTimeout = 300000;
server.listen(Number(process.env.PORT), "127.0.0.1", 4096);
