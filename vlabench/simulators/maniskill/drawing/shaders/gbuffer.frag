#version 450
// The colour of a pixel in one pass: ambient light and directional lights on a matt surface with a highlight, without
// shadows, surroundings or tables computed beforehand. Plus whose pixel it is.

layout(constant_id = 0) const int NUM_DIRECTIONAL_LIGHTS = 0;

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

layout(set = 2, binding = 0) uniform MaterialBuffer {
  vec4 emission;
  vec4 baseColor;
  float fresnel;
  float roughness;
  float metallic;
  float transmission;
  float ior;
  float transmissionRoughness;
  int textureMask;
  int padding1;
  vec4 textureTransforms[6];
} material;

layout(set = 2, binding = 1) uniform sampler2D colorTexture;
layout(set = 2, binding = 2) uniform sampler2D roughnessTexture;
layout(set = 2, binding = 3) uniform sampler2D normalTexture;
layout(set = 2, binding = 4) uniform sampler2D metallicTexture;
layout(set = 2, binding = 5) uniform sampler2D emissionTexture;

struct DirectionalLight {
  vec4 direction;
  vec4 emission;
};

struct SpotLight {
  vec4 position;
  vec4 direction;
  vec4 emission;
};

struct PointLight {
  vec4 position;
  vec4 emission;
};

layout(set = 3, binding = 0) uniform SceneBuffer {
  vec4 ambientLight;
  DirectionalLight directionalLights[3];
  SpotLight spotLights[10];
  PointLight pointLights[10];
  SpotLight texturedLights[1];
} scene;

layout(location = 0) in vec3 inPlace;
layout(location = 1) in vec3 inNormal;
layout(location = 2) in vec3 inTangent;
layout(location = 3) in vec3 inBitangent;
layout(location = 4) in vec2 inUV;
layout(location = 5) in flat uvec4 inSegmentation;

layout(location = 0) out vec4 outColor;
layout(location = 1) out uvec4 outSegmentation;

const float PI = 3.14159265;

vec2 at(int slot) {
  return inUV * material.textureTransforms[slot].zw + material.textureTransforms[slot].xy;
}

bool has(int slot) {
  return (material.textureMask & (1 << slot)) != 0;
}

void main() {
  outSegmentation = inSegmentation;
  vec4 paint = has(0) ? texture(colorTexture, at(0)) : material.baseColor;
  if (paint.a == 0) {
    discard;
  }
  vec3 albedo = paint.rgb;
  float roughness = has(1) ? texture(roughnessTexture, at(1)).r : material.roughness;
  float metallic = has(3) ? texture(metallicTexture, at(3)).r : material.metallic;

  vec3 sight = normalize(camera.viewMatrixInverse[3].xyz - inPlace);
  vec3 normal = inNormal;
  if (has(2)) {
    vec3 bump = texture(normalTexture, at(2)).xyz * 2 - 1;
    normal = mat3(inTangent, inBitangent, inNormal) * bump;
  }
  normal = normalize(normal);
  normal = dot(normal, sight) < 0 ? -normal : normal;

  vec3 matt = albedo * (1 - metallic) / PI;
  vec3 mirror = mix(vec3(0.08 * material.fresnel), albedo, metallic);
  float a2 = pow(roughness, 4);
  float k = (roughness + 1) * (roughness + 1) / 8;
  float fromEye = max(dot(normal, sight), 1e-6) * (1 - k) + k;

  vec3 glow = material.emission.rgb * material.emission.a;
  if (has(4)) {
    glow *= texture(emissionTexture, at(4)).rgb;
  }
  vec3 color = glow + scene.ambientLight.rgb * albedo;
  for (int i = 0; i < NUM_DIRECTIONAL_LIGHTS; ++i) {
    vec3 toLight = -scene.directionalLights[i].direction.xyz;
    float cosine = clamp(dot(normal, toLight), 0, 1);
    vec3 between = normalize(toLight + sight);
    float nh = clamp(dot(normal, between), 1e-6, 1);
    float vh = clamp(dot(sight, between), 1e-6, 1);
    float lobe = nh * nh * (a2 - 1) + 1;
    float grazing = exp2((-5.55473 * vh - 6.98316) * vh);
    float below = clamp(4 * PI * lobe * lobe * fromEye * (cosine * (1 - k) + k), 1e-6, 4 * PI);
    vec3 highlight = (mirror + (1 - mirror) * grazing) * a2 / below;
    color += scene.directionalLights[i].emission.rgb * cosine * (matt + highlight);
  }
  outColor = vec4(pow(clamp(color, 0, 1), vec3(1 / 2.2)), 1);
}
