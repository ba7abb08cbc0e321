return {
  port = true,
  clients = {
    {
      run = "nghttp -v $URL/",
      out = { "recv (stream_id=13) :path: /style.css", "recv PUSH_PROMISE frame", "x-pushed: yes", "h1 { color: teal }", "<h1>Hello from Cro</h1>" },
    },
    { run = "nghttp --no-push -v $URL/", out = { ":status: 103", "</style.css>; rel=preload; as=style", "<h1>Hello" } },
    { run = "curl -s -i $URL/", out = { "HTTP/1.1 103 Early Hints\r\nLink: </style.css>", "HTTP/1.1 200 OK", "<h1>Hello" } },
    { run = "curl -s -i --http2-prior-knowledge $URL/style.css", out = { "HTTP/2 200", "h1 { color: teal }" } },
  },
}
