#version 450
// Puts a vertex into the picture. The names of blocks, members and inputs are those that sapien fills in.

layout(set = 0, binding = 0) uniform CameraBuffer {
  mat4 viewMatrix;
  mat4 projectionMatrix;
  mat4 viewMatrixInverse;
  mat4 projectionMatrixInverse;
  float width;
  float height;
} camera;

layout(set = 1, binding = 0) uniform ObjectTransformBuffer {
  mat4 modelMatrix;
} body;

layout(set = 1, binding = 1) uniform ObjectDataBuffer {
  uvec4 segmentation;
  float transparency;
  int shadeFlat;
} about;

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv;
layout(location = 3) in vec3 tangent;
layout(location = 4) in vec3 bitangent;

layout(location = 0) out vec3 outPlace;
layout(location = 1) out vec3 outNormal;
layout(location = 2) out vec3 outTangent;
layout(location = 3) out vec3 outBitangent;
layout(location = 4) out vec2 outUV;
layout(location = 5) out flat uvec4 outSegmentation;

void main() {
  vec4 place = body.modelMatrix * vec4(position, 1);
  mat3 turn = mat3(body.modelMatrix);
  // Cofactors: the inverse transposed, up to a factor that normalising takes out.
  mat3 turnNormal = mat3(cross(turn[1], turn[2]), cross(turn[2], turn[0]), cross(turn[0], turn[1]));
  outPlace = place.xyz;
  outNormal = normalize(turnNormal * normal);
  outTangent = normalize(turnNormal * tangent);
  outBitangent = normalize(turnNormal * bitangent);
  outUV = uv;
  outSegmentation = about.segmentation;
  gl_Position = camera.projectionMatrix * (camera.viewMatrix * place);
}
